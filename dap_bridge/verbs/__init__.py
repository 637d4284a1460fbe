"""A verb is a room: what may be asked (`request`), what is done (`job`), how it is typed (`command`).

table.py knows the rooms by name. Requests and commands are light; jobs load torch, and are the only place where audio
and engine meet: a clip is read, computed, and written as stems.
"""
