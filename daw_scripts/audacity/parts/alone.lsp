;nyquist plug-in
;version 4
;type analyze
;name "DAP Sound alone in selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control sound "Sound" int "" 1 1 8

; Which one it is that is heard alone.
(setf dap-sound (format nil "~a" sound))

