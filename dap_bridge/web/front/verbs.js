// What can be done with a clip, in a person's words, and the message that asks for it.
//
// clips: [{upload, name, seconds, rate}]; choices: {sources, seconds, preset, examples, whole, stems, improve}. `examples`
// by the number of the sound that each is of, [{sound, upload}]; `whole` the one of the clips whose stems the others are,
// `stems` these, each with what it is `called`.

import { bare } from "./parts.js";

const place = ({ upload }) => `upload:${upload}`;
/** A whole file, where a field names a stretch of one. */
const item = (clip) => `0:::${place(clip)}`;

/** Added to what a result is called, which has 200 characters at most. */
const IMPROVED = ", improved";
const improved = (title) => title.slice(0, 200 - IMPROVED.length) + IMPROVED;

const about = (clip) => ({ clip: place(clip), label: bare(clip) });

/**
 * title, says: what a person reads. least: clips that it takes. parts: whether they are a clip and its stems. examples:
 * of what, by the choices. messages: to be sent.
 */
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
    messages: (clips) => [{ item: clips.map(item), labels: clips.map(bare) }],
  },
  adopt: {
    title: "Stems from elsewhere",
    says: "A clip and its stems by Demucs, RX or others.",
    least: 2,
    parts: true,
    // the two are told apart in every list by what they are called
    messages: (_, { whole, stems, improve }) => [
      {
        clip: place(whole),
        label: improve ? improved(bare(whole)) : bare(whole),
        stem: stems.map(item),
        labels: stems.map(({ called }) => called),
        improve,
      },
    ],
  },
};

/** What was done, of a job of any verb. */
const DONE = {
  refine: "corrected",
  undo: "a box taken back",
  choose: "an alternative, drawn in full",
};
export const wordsOf = (verb) => VERBS[verb]?.title ?? DONE[verb] ?? verb;
