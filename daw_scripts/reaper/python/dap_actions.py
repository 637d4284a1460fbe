"""The actions, by OSC. Each returns a function to call at every turn of REAPER's timer until it says False."""

import itertools
import json
import os
import subprocess
import sys
import time
import urllib.parse
import uuid

import dap_console
import dap_items
import dap_osc
import dap_settings
import reaper_python as rpr
from dap_constants import ASKS, FIELDS, PLACING

SECTION = "dap-bridge"
TITLE = "Separate with DAP"
NOT_RUNNING = "The daemon is not running.\n\nStart it in a terminal:\n\n    dap-bridge serve"
HELLO_S = 1.5
HELLO_AGAIN_S, START_S, CANCEL_S = 0.5, 30.0, 5.0
YES_OR_NO = {"yes": True, "no": False}
# Jobs of one second keep their order.
NUMBERS = itertools.count(1)


def tell(text):
    rpr.RPR_ShowMessageBox(text, TITLE, 0)


def _front():
    return rpr.RPR_EnumProjects(-1, "", dap_items.TEXT)[0]


def _key(verb, name):
    """Of an option that is remembered between uses: the one that the Lua actions use."""
    return name if name in PLACING else f"{verb}.{name}"


def _field(verb, name):
    return PLACING.get(name) or FIELDS[verb][name]


def _text(value):
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _read(verb, name, text):
    """What a text means for an option; raises ValueError with a sentence."""
    field = _field(verb, name)
    if field["type"] == "boolean":
        if text not in YES_OR_NO:
            raise ValueError(f"{name} is yes or no.")
        return YES_OR_NO[text]
    if field["type"] == "string":
        if "one_of" in field and text not in field["one_of"]:
            raise ValueError(f"{name} is one of {', '.join(field['one_of'])}.")
        return text
    try:
        number = int(text) if field["type"] == "integer" else float(text)
    except ValueError:
        number = None
    if number is None or not field["low"] <= number <= field["high"]:
        what = "whole number" if field["type"] == "integer" else "number"
        raise ValueError(f"{name} is a {what} from {field['low']} to {field['high']}.")
    return number


def _texts(verb):
    """What was asked for last, as text; defaults where that cannot be used any more."""
    texts = {}
    for name in ASKS["reaper"][verb]:
        default = _text(_field(verb, name)["default"])
        texts[name] = rpr.RPR_GetExtState(SECTION, _key(verb, name)) or default
        try:
            _read(verb, name, texts[name])
        except ValueError:
            texts[name] = default
    return texts


def _wanted(verb, asking):
    """What is wanted, by name: remembered, or asked for until it can be used; None where the user went back."""
    texts = _texts(verb)
    while asking:
        answer = rpr.RPR_GetUserInputs(TITLE, len(texts), ",".join(texts), ",".join(texts.values()), dap_items.TEXT)
        if not answer[0]:
            return None
        texts |= {name: text.strip() for name, text in zip(texts, answer[4].split(","))}
        try:
            wanted = {name: _read(verb, name, text) for name, text in texts.items()}
        except ValueError as error:
            tell(str(error))
            continue
        for name, text in texts.items():
            rpr.RPR_SetExtState(SECTION, _key(verb, name), text, True)
        return wanted
    return {name: _read(verb, name, text) for name, text in texts.items()}


class Job:
    """One item's separation; `state` is `working`, `ready` (its stems wait to be placed), or how it ended."""

    def __init__(self, project, clip, verb, wanted):
        self.name = f"reaper-{int(time.time()):010d}-{next(NUMBERS):04d}-{uuid.uuid4().hex[:12]}"
        self.project, self.clip, self.verb, self.wanted = project, clip, verb, wanted
        self.request = {
            "job": self.name,
            "clip": clip["file"],
            "start": clip["start"],
            "frames": clip["frames"],
            "rate": clip["rate"],
            "label": clip["name"][:200] or "item",
            **dap_items.output_folder(project, self.name),
            **{name: value for name, value in wanted.items() if name not in PLACING},
        }
        self.state, self.stage, self.manifest, self.warnings = "working", "waiting", None, ()
        self.asked = time.monotonic()

    def keep(self):
        """In the project, as the Lua actions keep theirs: DAP_Bridge status can place what this script cannot."""
        fields = {"clips": 1, "title": self.clip["name"], "import": "stems", "undo_name": _undo_name(self.verb)}
        fields |= {f"option.{name}": _text(self.wanted[name]) for name in PLACING}
        fields |= {f"1.{name}": self.clip[name] for name in ("item_guid", "track_guid", "name")}
        fields |= {f"1.{name}": repr(self.clip[name]) for name in ("position", "length", "offset")}
        fields |= {f"1.item.{name}": value for name, value in self.clip["item_shape"].items()}
        fields |= {f"1.take.{name}": value for name, value in self.clip["take_shape"].items()}
        rpr.RPR_SetProjExtState(self.project, SECTION, self.name, urllib.parse.quote(_lines(fields), safe=""))

    def waited_for(self):
        return bool(rpr.RPR_GetProjExtState(self.project, SECTION, self.name, "", dap_items.TEXT)[4])

    def forget(self):
        if self.open():
            rpr.RPR_SetProjExtState(self.project, SECTION, self.name, "")

    def hear(self, event, link):
        kind = event["event"]
        if kind == "progress":
            self.stage = _progress(event)
        elif kind == "queued":
            self.stage = _queued(event)
        elif kind == "interrupted":
            link.send("resume", {"job": self.name})
        elif kind == "failed" and event["code"] == "unknown_job":
            link.send(self.verb, self.request)  # the datagram was lost
        elif kind == "done":
            self.manifest, self.state, self.stage = event["manifest"], "ready", "ready; placed with the others"
        elif kind == "failed":
            self.end(kind, f"{event['message']} {event['hint']}")
            self.forget()
        elif kind == "cancelled":
            self.end(kind, kind)
            self.forget()

    def end(self, state, stage):
        self.state, self.stage = state, stage

    def open(self):
        return rpr.RPR_ValidatePtr2(0, self.project, "ReaProject*")

    def stems(self):
        """Name and path of each; None, and the job's end, where they cannot be placed."""
        folder = os.path.dirname(self.manifest)
        if not self.open():
            return self.end("failed", f"The project was closed. The stems are in {folder}")
        if not self.waited_for():
            return self.end("done", "placed already")
        with open(self.manifest, encoding="utf-8") as file:
            content = json.load(file)
        self.warnings = content["warnings"]
        return [(stem["name"], os.path.join(folder, stem["path"])) for stem in content["stems"]]


def _undo_name(verb):
    return f"{verb.capitalize()} with DAP"


def _queued(event):
    left = f", about {event['seconds']:.0f} s" if event["seconds"] >= 0 else ""
    return f"waiting, number {event['place']} in line{left}"


def _progress(event):
    left = f" · {event['seconds_left']:.0f} s left" if event["seconds_left"] >= 0 else ""
    return f"{event['stage']} {event['fraction']:.0%}{left} · on {event['device']} ({event['device_reason']})"


def _place(jobs):
    """What jobs of one project made, in one undo step."""
    placed = [(job, stems) for job in jobs if (stems := job.stems())]
    if not placed:
        return
    title = placed[0][0].clip["name"] if len(placed) == 1 else f"{len(placed)} items"
    placements = [(job.clip, stems, job.wanted["mute"]) for job, stems in placed]
    dap_items.place(placed[0][0].project, placements, f"{_undo_name(placed[0][0].verb)}: {title}")
    for job, _ in placed:
        job.end("done", "done")
        job.forget()
    warnings = [f"{job.clip['name']}: {warning}" for job, _ in placed for warning in job.warnings]
    if warnings:
        tell("\n\n".join(warnings))


def _lines(fields):
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
    return "".join(f"{name}\t{str(value).translate(escapes)}\n" for name, value in fields.items())


def _when_there(then):
    """Ask for the daemon; go on with then(link, welcome), or say that none runs."""
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


def each(verb, asking=False):
    """`separate` or `denoise` the selected items, a job each; with `asking`, the user is asked how."""
    project = _front()
    clips, refused = dap_items.selected(project)
    if refused:
        tell("Left out: " + "; ".join(refused))
    if not clips:
        tell("Select one or more audio items first.")
        return None
    wanted = _wanted(verb, asking)
    if wanted is None:
        return None

    def begin(link, _welcome):
        jobs = {job.name: job for job in (Job(project, clip, verb, wanted) for clip in clips)}
        for job in jobs.values():
            if link.send(verb, job.request):
                job.keep()
            else:
                job.end("failed", 'the request is too long for OSC; use "DAP_Separate selected items.lua"')
        console = dap_console.Console()
        return lambda: _follow(jobs, link, console)

    return _when_there(begin)


def _follow(jobs, link, console):
    for event in link.events():
        job = jobs.get(event.get("job"))
        if job and job.state == "working":
            job.hear(event, link)
    working = [job for job in jobs.values() if job.state == "working"]
    for job in working:
        if time.monotonic() - max(link.heard, job.asked) > dap_osc.ASK_S:
            job.asked = time.monotonic()
            link.send("status", {"job": job.name})
    _place_ready(jobs.values(), not working or link.silent())
    silence = ["The daemon does not answer; start it to go on."] if working and link.silent() else []
    states = {job.state for job in jobs.values()}
    over = not states & {"working", "ready"}
    console.show([f"{job.clip['name']}: {job.stage}" for job in jobs.values()] + silence, "failed" in states, over)
    if over:
        link.close()
    return not over


def _place_ready(jobs, nobody_waited_for):
    ready = [job for job in jobs if job.state == "ready"]
    together = [job for job in ready if job.wanted["together"]]
    if nobody_waited_for:
        _place(together)
    for job in ready:
        if job not in together:
            _place([job])


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
        left, until = set(names), time.monotonic() + CANCEL_S
        return lambda: _await_ends(project, left, link, until)

    return _when_there(begin)


def _await_ends(project, left, link, until):
    """What had ended before is left to whoever waits for it; `left` are the jobs without an answer."""
    for event in link.events():
        if event.get("job") in left and event["event"] in ("cancelled", "failed", "done"):
            left.remove(event["job"])
            if event["event"] != "done":
                rpr.RPR_SetProjExtState(project, SECTION, event["job"], "")
    if left and time.monotonic() < until:
        return True
    link.close()
    if left:
        tell(f"The daemon did not say that {len(left)} job(s) ended; try again.")
    return False


def status():
    """Say how the daemon is, and what the project in front waits for."""
    waiting = len(_waiting(_front()))

    def begin(link, said):
        link.close()
        device = f"{said['device']} ({said['device_reason']})" if said["device"] else "not probed yet"
        text = f"dap-bridge {said['version']} is running.\n\nDevice: {device}\nJobs waiting or running: {said['jobs']}"
        if waiting:
            text += f"\n\nThis project waits for the stems of {waiting} item(s); "
            text += 'what no script waits for any more is placed by "DAP_Bridge status.lua".'
        tell(text)

    return _when_there(begin)


def start():
    """Start the daemon in the background, and say when it answers."""
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
            tell(f"The daemon did not start. Run\n\n    {dap_settings.command()} serve\n\nin a terminal to see why.")
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
