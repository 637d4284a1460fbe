"""dap-bridge separates any two sounds of one clip, for digital audio workstations."""

__version__ = "0.1.0"
