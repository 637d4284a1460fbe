"""Generated from the protocol table by `make docs`; edit dap_bridge/transport/protocol.py instead."""

VERSION = 1
PREFIX = '/dap/'
MAX_DATAGRAM = 8192
OSC_PORT = 9377
SPOOL = '.dap-bridge/spool'
FIELDS = {'cancel': {'job': {'type': 'string'}, 'reply_port': {'high': 65535, 'low': 1, 'type': 'integer'}},
 'hello': {'reply_port': {'high': 65535, 'low': 1, 'type': 'integer'}},
 'resume': {'job': {'type': 'string'}, 'reply_port': {'high': 65535, 'low': 1, 'type': 'integer'}},
 'separate': {'channel': {'type': 'array'},
              'clip': {'longest': 4096, 'type': 'string'},
              'device': {'default': 'auto', 'one_of': ['auto', 'cpu', 'cuda'], 'type': 'string'},
              'frames': {'high': 9007199254740992, 'low': 1, 'type': 'integer'},
              'job': {'type': 'string'},
              'label': {'longest': 200, 'type': 'string'},
              'out': {'longest': 4096, 'type': 'string'},
              'preset': {'default': 'default', 'type': 'string'},
              'rate': {'high': 10000000, 'low': 1, 'type': 'integer'},
              'reply_port': {'high': 65535, 'low': 1, 'type': 'integer'},
              'seed': {'default': 0, 'high': 2147483647, 'low': 0, 'type': 'integer'},
              'sources': {'default': 2, 'high': 8, 'low': 2, 'type': 'integer'},
              'start': {'default': 0, 'high': 9007199254740992, 'low': 0, 'type': 'integer'}},
 'status': {'job': {'type': 'string'}, 'reply_port': {'high': 65535, 'low': 1, 'type': 'integer'}}}
