"""What the hosts' dialogs ask, in which order and in which words: declared here, and generated for every host.

Type, limits and default of a field are the protocol's. What is asked and is no field of a verb has its own here, in the
same words (see constants.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# host -> verb -> what is asked, in the dialog's order.
ASKS: dict[str, dict[str, tuple[str, ...]]] = {
    "reaper": {
        "separate": ("preset", "sources", "residual", "seed", "device", "mute", "together"),
        "denoise": ("preset", "strength", "swap", "seed", "device", "mute", "together"),
        "coseparate": ("preset", "seed", "device", "mute"),
        "adopt": ("preset", "improve", "seed", "device", "mute"),
        "texture": ("preset", "variation", "variations", "seed", "device"),
        "refine": ("low", "high", "op", "strength", "carry"),
    },
    "ardour": {
        "separate": ("sources", "residual", "preset", "seed", "device", "mute"),
        "denoise": ("strength", "swap", "preset", "seed", "device", "mute"),
        "coseparate": ("preset", "seed", "device", "mute"),
        "texture": ("variation", "variations", "preset", "seed", "device", "mute"),
        "refine": ("stem", "low", "high", "strength", "carry"),
    },
    "audacity": {
        "separate": ("sources", "alone", "residual", "preset", "seed"),
        "denoise": ("strength", "swap", "alone", "preset", "seed"),
        "coseparate": ("preset", "seed"),
        "texture": ("seconds", "variation", "preset", "seed"),
        "refine": ("strength", "carry"),
    },
}

# What a field of a verb is called: by a caption, and by a question where a host has room for one (Ardour).
WORDS: dict[str, dict[str, str]] = {
    "preset": {"caption": "Preset", "question": "Preset (see `dap-bridge presets`)"},
    "sources": {"caption": "Sounds"},
    "residual": {"caption": "The rest apart", "question": "A stem of what no sound claims"},
    "seed": {"caption": "Seed"},
    "device": {"caption": "Device"},
    "strength": {"caption": "Strength", "question": "How much of the noise to take out"},
    "swap": {"caption": "Swap the two", "question": "The other one of the two is the speech"},
    "variation": {"caption": "Variation"},
    "variations": {"caption": "Results"},
    "improve": {"caption": "Blend in our own answer"},
    "carry": {"caption": "Correct all of a long clip"},
}

# What the script makes something of before it asks the daemon: a box, frames, examples and spans.
OWN: dict[str, dict[str, dict[str, Any]]] = {
    "separate": {"alone": {"type": "boolean", "default": False, "caption": "Sounds noted as alone"}},
    "denoise": {"alone": {"type": "boolean", "default": False, "caption": "Noise that was learned"}},
    "refine": {
        "stem": {"type": "string", "caption": "Stem"},
        "low": {"type": "number", "low": 0, "default": 0, "step": 10, "caption": "Lowest frequency (Hz)"},
        "high": {"type": "number", "low": 0, "default": 20000, "step": 10, "caption": "Highest frequency (Hz)"},
        "op": {"type": "string", "one_of": ["out", "in"], "default": "out", "caption": "Take it out or bring it in"},
        "strength": {
            "type": "number",
            "low": 0,
            "high": 1,
            "default": 1,
            "caption": "Strength",
            "question": "Strength (0 to 1)",
        },
    },
    "texture": {
        "seconds": {
            "type": "number",
            "low": 1,
            "high": 300,
            "default": 30,
            "unit": "seconds",
            "caption": "Length in all",
        },
    },
}

# How a result comes into the project, which is no business of the daemon: one answer for all verbs.
PLACING: dict[str, dict[str, Any]] = {
    "mute": {
        "type": "boolean",
        "default": True,
        "caption": "Mute the item",
        "question": "Mute the region once the result is there",
    },
    "together": {"type": "boolean", "default": True, "caption": "Several items: one undo step"},
}

# Yes or no as Audacity asks it: by words to choose from, the default's first, and another caption where these want one.
CHOICES: dict[str, dict[str, Any]] = {
    "swap": {"caption": "Keep", "words": ("speech", "noise")},
    "carry": {"words": ("Yes", "No")},
    "residual": {"words": ("No", "Yes")},
    "alone": {"words": ("Ignore", "Use")},
}


def asked(verb: str, name: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """All about one question: type, limits, default and words; `own` where it is no field of the verb.

    `fields` are the verb's, as the protocol has them.
    """
    own = OWN.get(verb, {}).get(name)
    return {**own, "own": True} if own else {**fields[name], **WORDS[name]}
