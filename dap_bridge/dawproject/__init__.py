"""DAWproject: the file by which Bitwig Studio, Studio One and Cubase exchange projects, written and read.

The format is https://github.com/bitwig/dawproject, version 1.0: a zip of `project.xml`, `metadata.xml` and audio files.
"""

SUFFIX = ".dawproject"
