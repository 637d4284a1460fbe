-- Generated from the protocol table by `make docs`; edit dap_bridge/transport/verbs.py instead.
return {
  version = 1,
  prefix = "/dap/",
  max_datagram = 8192,
  osc_port = 9377,
  spool = ".dap-bridge/spool",
  fields = {
    hello = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
    },
    status = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
    },
    separate = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
        default = 0,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      clip = {
        type = "string",
        longest = 4096,
      },
      channel = {
        type = "array",
      },
      start = {
        type = "integer",
        low = 0,
        high = 9007199254740992,
        default = 0,
      },
      frames = {
        type = "integer",
        low = 1,
        high = 9007199254740992,
      },
      rate = {
        type = "integer",
        low = 1,
        high = 10000000,
      },
      sources = {
        type = "integer",
        low = 2,
        high = 8,
        default = 2,
      },
      preset = {
        type = "string",
        default = "default",
      },
    },
    coseparate = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
        default = 0,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      item = {
        type = "array",
      },
      channel = {
        type = "array",
      },
      labels = {
        type = "array",
      },
      preset = {
        type = "string",
        default = "coseparate",
      },
    },
    denoise = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
        default = 0,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      clip = {
        type = "string",
        longest = 4096,
      },
      channel = {
        type = "array",
      },
      start = {
        type = "integer",
        low = 0,
        high = 9007199254740992,
        default = 0,
      },
      frames = {
        type = "integer",
        low = 1,
        high = 9007199254740992,
      },
      rate = {
        type = "integer",
        low = 1,
        high = 10000000,
      },
      strength = {
        type = "number",
        low = 0,
        high = 1,
        default = 1.0,
      },
      swap = {
        type = "boolean",
        default = false,
      },
      preset = {
        type = "string",
        default = "denoise",
      },
    },
    refine = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      session = {
        type = "string",
        longest = 4096,
      },
      clip = {
        type = "string",
        longest = 4096,
      },
      box = {
        type = "array",
      },
      keep = {
        type = "boolean",
        default = true,
      },
      fit = {
        type = "boolean",
        default = true,
      },
      carry = {
        type = "boolean",
        default = true,
      },
    },
    undo = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      session = {
        type = "string",
        longest = 4096,
      },
      clip = {
        type = "string",
        longest = 4096,
      },
    },
    sessions = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
    },
    texture = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      seed = {
        type = "integer",
        low = 0,
        high = 2147483647,
        default = 0,
      },
      device = {
        type = "string",
        one_of = { "auto", "cpu", "cuda" },
        default = "auto",
      },
      label = {
        type = "string",
        longest = 200,
      },
      out = {
        type = "string",
        longest = 4096,
      },
      format = {
        type = "string",
        one_of = { "float32", "24", "16", "flac" },
      },
      clip = {
        type = "string",
        longest = 4096,
      },
      channel = {
        type = "array",
      },
      start = {
        type = "integer",
        low = 0,
        high = 9007199254740992,
        default = 0,
      },
      frames = {
        type = "integer",
        low = 1,
        high = 9007199254740992,
      },
      rate = {
        type = "integer",
        low = 1,
        high = 10000000,
      },
      mode = {
        type = "string",
        one_of = { "extend", "fill", "loop" },
        default = "extend",
      },
      length = {
        type = "integer",
        low = 1,
        high = 1073741824,
      },
      after = {
        type = "string",
        longest = 4096,
      },
      after_channel = {
        type = "array",
      },
      after_start = {
        type = "integer",
        low = 0,
        high = 9007199254740992,
        default = 0,
      },
      after_frames = {
        type = "integer",
        low = 1,
        high = 9007199254740992,
      },
      gap_start = {
        type = "integer",
        low = 1,
        high = 9007199254740992,
      },
      variation = {
        type = "number",
        low = 0,
        high = 1,
        default = 0.5,
      },
      variations = {
        type = "integer",
        low = 1,
        high = 16,
        default = 1,
      },
      preset = {
        type = "string",
        default = "texture",
      },
    },
    cancel = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
    },
    resume = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
    },
    choose = {
      reply_port = {
        type = "integer",
        low = 1,
        high = 65535,
      },
      job = {
        type = "string",
      },
      session = {
        type = "string",
      },
    },
  },
}
