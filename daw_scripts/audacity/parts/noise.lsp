;nyquist plug-in
;version 4
;type analyze
;name "DAP Learn noise from selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; Which one it is that is heard alone.
(setf dap-sound "noise")

