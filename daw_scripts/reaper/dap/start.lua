-- Starting the daemon, in the background.
local daemon = require("dap.daemon")
local loop = require("dap.loop")
local message = require("dap.message")
local sentences = require("dap.sentences")
local settings = require("dap.settings")

local start = {}

local NO_WAIT = -1
local START_S = 30

function start.run()
  loop.start(function()
    local link, said = daemon.find()
    if not link then
      reaper.ExecProcess(('"%s" serve'):format(settings.command), NO_WAIT)
      loop.wait(function()
        link, said = daemon.find()
        return link
      end, START_S)
    end
    if not link then
      return message.tell(("The daemon did not start. Run\n\n    %s serve\n\nin a terminal to see why."):format(settings.command))
    end
    message.tell(sentences.running(said))
    link:close()
  end)
end

return start
