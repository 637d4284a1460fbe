;nyquist plug-in
;version 4
;type analyze
;name "DAP Co-separate selected tracks"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for.
(setf dap-verb "coseparate")

