// What can be done with a clip, in a person's words, and the message that asks for it.
//
// clips: [{upload, name, seconds, rate}]; choices: {sources, seconds, preset, examples}, `examples` by the number of the
// sound that each is of, [{sound, upload}].

const place = ({ upload }) => `upload:${upload}`;
/** A whole file, where a field names a stretch of one. */
const item = (clip) => `0:::${place(clip)}`;
const label = ({ name }) => name.replace(/\.[^.]+$/, "");

const about = (clip) => ({ clip: place(clip), label: label(clip) });

/** title, says: what a person reads. least: clips that it takes. examples: of what, by the choices. messages: to be sent. */
export const VERBS = {
  separate: {
    title: "Two sounds apart",
    says: "Of any kind; the stems add up to the clip.",
    least: 1,
    examples: ({ sources }) => Array.from({ length: sources }, (_, k) => `Sound ${k + 1} is like`),
    messages: (clips, { sources, examples }) =>
      clips.map((clip) => ({
        ...about(clip),
        sources,
        like: examples.map((example) => `${example.sound}:${item(example)}`),
      })),
  },
  denoise: {
    title: "Voice from noise",
    says: "A voice, and the noise around it.",
    least: 1,
    examples: () => ["The noise is like"],
    messages: (clips, { examples }) => clips.map((clip) => ({ ...about(clip), noise_like: examples.map(item) })),
  },
  texture: {
    title: "More of this texture",
    says: "Rain, applause, room tone: as long as you want.",
    least: 1,
    messages: (clips, { seconds }) =>
      clips.map((clip) => ({ ...about(clip), length: Math.round(seconds * clip.rate) })),
  },
  coseparate: {
    title: "What these share",
    says: "What clips have in common, and each one's own.",
    least: 2,
    messages: (clips) => [{ item: clips.map(item), labels: clips.map(label) }],
  },
};

/** What was done, of a job of any verb. */
const DONE = {
  refine: "corrected",
  undo: "a box taken back",
  choose: "an alternative, drawn in full",
  adopt: "stems adopted",
};
export const wordsOf = (verb) => VERBS[verb]?.title ?? DONE[verb] ?? verb;
