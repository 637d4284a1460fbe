"""The actions, by OSC. Each returns a function to call at every turn of REAPER's timer until it says False."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import uuid

import dap_items
import dap_osc
import dap_settings
import reaper_python as rpr
from dap_constants import FIELDS

SECTION = "dap-bridge"
TITLE = "Separate with DAP"
NOT_RUNNING = "The bridge is not running.\n\nStart it in a terminal:\n\n    dap-bridge serve"
HELLO_S = 1.5
HELLO_AGAIN_S, START_S = 0.5, 30.0
ENDED = ("done", "failed", "cancelled")
SEPARATE = FIELDS["separate"]
DEFAULTS = {
    "preset": SEPARATE["preset"]["default"],
    "sources": str(SEPARATE["sources"]["default"]),
    "seed": "0",
    "device": SEPARATE["device"]["default"],
    "mute": "yes",
}


def tell(text):
    rpr.RPR_ShowMessageBox(text, TITLE, 0)


def _front():
    return rpr.RPR_EnumProjects(-1, "", dap_items.TEXT)[0]


def _remembered():
    return {name: rpr.RPR_GetExtState(SECTION, name) or default for name, default in DEFAULTS.items()}


def _checked(values):
    """The fields of a request; raises ValueError with a sentence."""
    wanted = dict(values)
    for name in ("sources", "seed"):
        low, high = SEPARATE[name]["low"], SEPARATE[name]["high"]
        if not values[name].isdigit() or not low <= int(values[name]) <= high:
            raise ValueError(f"{name} is a whole number from {low} to {high}.")
        wanted[name] = int(values[name])
    for name, allowed in (("device", SEPARATE["device"]["one_of"]), ("mute", ["yes", "no"])):
        if values[name] not in allowed:
            raise ValueError(f"{name} is one of {', '.join(allowed)}.")
    return wanted


def remembered():
    """What was asked for last; defaults at first."""
    try:
        return _checked(_remembered())
    except ValueError:
        return _checked(DEFAULTS)


def ask():
    """Ask until every answer can be used; None where the user went back."""
    values = _remembered()
    while True:
        answer = rpr.RPR_GetUserInputs(TITLE, len(values), ",".join(values), ",".join(values.values()), dap_items.TEXT)
        if not answer[0]:
            return None
        values = {name: text.strip() for name, text in zip(DEFAULTS, answer[4].split(","))}
        try:
            wanted = _checked({**DEFAULTS, **values})
        except ValueError as error:
            tell(str(error))
            continue
        for name, text in values.items():
            rpr.RPR_SetExtState(SECTION, name, text, True)
        return wanted


class Job:
    def __init__(self, project, clip, wanted):
        self.name = f"reaper-{int(time.time()):010d}-{uuid.uuid4().hex[:12]}"
        self.project, self.clip, self.mute = project, clip, wanted["mute"] == "yes"
        self.request = {
            "job": self.name,
            "clip": clip["file"],
            "start": clip["start"],
            "frames": clip["frames"],
            "rate": clip["rate"],
            "label": clip["name"][:200] or "item",
            **dap_items.output_folder(project, self.name),
            **{name: wanted[name] for name in ("preset", "sources", "seed", "device")},
        }
        self.ended = False
        self.asked = time.monotonic()

    def keep(self):
        """In the project, as the Lua actions keep theirs: DAP_Bridge status can place what this script cannot."""
        fields = {name: self.clip[name] for name in ("item_guid", "track_guid", "name")}
        fields |= {name: repr(self.clip[name]) for name in ("position", "length", "offset")}
        fields |= {f"item.{name}": value for name, value in self.clip["item_shape"].items()}
        fields |= {f"take.{name}": value for name, value in self.clip["take_shape"].items()}
        fields["mute"] = "yes" if self.mute else "no"
        rpr.RPR_SetProjExtState(self.project, SECTION, self.name, urllib.parse.quote(_lines(fields), safe=""))

    def hear(self, event, link):
        kind = event["event"]
        if kind == "progress":
            percent = round(100 * event["fraction"])
            text = f"{self.clip['name']}: {event['stage']} {percent} % on {event['device']} ({event['device_reason']})"
            rpr.RPR_Help_Set(text, True)
        elif kind == "interrupted":
            link.send("resume", {"job": self.name})
        elif kind == "failed" and event["code"] == "unknown_job":
            link.send("separate", self.request)  # the datagram was lost
        elif kind in ENDED:
            self.ended = True
            if kind == "done":
                self.place(event["manifest"])
            elif kind == "failed":
                tell(f"{self.clip['name']}: {event['message']}\n\n{event['hint']}")
            if self.open():
                rpr.RPR_SetProjExtState(self.project, SECTION, self.name, "")

    def open(self):
        return rpr.RPR_ValidatePtr2(0, self.project, "ReaProject*")

    def place(self, manifest):
        folder = os.path.dirname(manifest)
        if not self.open():
            tell(f"The project was closed. The stems are in {folder}")
            return
        with open(manifest, encoding="utf-8") as file:
            content = json.load(file)
        stems = [(stem["name"], os.path.join(folder, stem["path"])) for stem in content["stems"]]
        dap_items.place(self.project, self.clip, stems, self.mute)


def _lines(fields):
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
    return "".join(f"{name}\t{str(value).translate(escapes)}\n" for name, value in fields.items())


def _when_there(then):
    """Ask for the bridge; go on with then(link, welcome), or say that none runs."""
    link = dap_osc.Link()
    link.send("hello", {})
    began = time.monotonic()
    going_on = None

    def tick():
        nonlocal going_on
        if going_on:
            return going_on()
        for event in link.events():
            if event["event"] == "welcome":
                going_on = then(link, event)
                return going_on is not None
        if time.monotonic() - began > HELLO_S:
            link.close()
            tell(NOT_RUNNING)
            return False
        return True

    return tick


def separate(wishes):
    """Separate the selected items; wishes() is `remembered` or `ask`."""
    project = _front()
    clips, refused = dap_items.selected(project)
    if refused:
        tell("Left out: " + "; ".join(refused))
    if not clips:
        tell("Select one or more audio items first.")
        return None
    wanted = wishes()
    if wanted is None:
        return None

    def begin(link, _welcome):
        jobs = {job.name: job for job in (Job(project, clip, wanted) for clip in clips)}
        for job in jobs.values():
            if link.send("separate", job.request):
                job.keep()
            else:
                job.ended = True
                tell(f"{job.clip['name']}: the request is too long for OSC; use the Lua action.")
        return lambda: _follow(jobs, link)

    return _when_there(begin)


def _follow(jobs, link):
    for event in link.events():
        job = jobs.get(event.get("job"))
        if job and not job.ended:
            job.hear(event, link)
    for job in jobs.values():
        if not job.ended and time.monotonic() - max(link.heard, job.asked) > dap_osc.ASK_S:
            job.asked = time.monotonic()
            link.send("status", {"job": job.name})
    if link.silent():
        rpr.RPR_Help_Set("The bridge does not answer; start it to go on.", True)
    if any(not job.ended for job in jobs.values()):
        return True
    link.close()
    return False


def _waiting(project):
    """Names of the jobs that a project waits for."""
    names = []
    while True:
        more, _, _, _, name, *_ = rpr.RPR_EnumProjExtState(
            project, SECTION, len(names), "", dap_items.TEXT, "", dap_items.TEXT
        )
        if not more:
            return names
        names.append(name)


def cancel():
    """Cancel every job that the project in front waits for."""
    project = _front()
    names = _waiting(project)
    if not names:
        tell("This project waits for no jobs.")
        return None

    def begin(link, _welcome):
        for name in names:
            link.send("cancel", {"job": name})
            rpr.RPR_SetProjExtState(project, SECTION, name, "")
        link.close()

    return _when_there(begin)


def status():
    """Say how the bridge is."""

    def begin(link, said):
        link.close()
        device = f"{said['device']} ({said['device_reason']})" if said["device"] else "not probed yet"
        text = f"dap-bridge {said['version']} is running.\n\nDevice: {device}\nJobs waiting or running: {said['jobs']}"
        tell(text)

    return _when_there(begin)


def start():
    """Start the bridge in the background, and say when it answers."""
    link = dap_osc.Link()
    began = asked = time.monotonic()
    started = False
    link.send("hello", {})

    def tick():
        nonlocal asked, started
        now = time.monotonic()
        for event in link.events():
            if event["event"] == "welcome":
                link.close()
                tell(f"dap-bridge {event['version']} is running.")
                return False
        if now - asked > HELLO_AGAIN_S:
            asked = now
            link.send("hello", {})
        if not started and now - began > HELLO_S:
            started = True
            _launch()
        if now - began > START_S:
            link.close()
            tell(f"The bridge did not start. Run\n\n    {dap_settings.command()} serve\n\nin a terminal to see why.")
            return False
        return True

    return tick


def _launch():
    """A process of its own, which outlives REAPER; what it says goes nowhere."""
    # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
    apart = {"creationflags": 0x00000208} if sys.platform == "win32" else {"start_new_session": True}
    nowhere = subprocess.DEVNULL
    try:
        subprocess.Popen([dap_settings.command(), "serve"], stdin=nowhere, stdout=nowhere, stderr=nowhere, **apart)
    except OSError:
        pass  # the silence will tell
