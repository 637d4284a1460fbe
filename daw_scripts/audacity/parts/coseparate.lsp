;nyquist plug-in
;version 4
;type analyze
;name "DAP Co-separate selected tracks"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control preset "Preset" string "" "coseparate"
;control seed "Seed" int-text "" 0 0 2147483647

; What is asked for.
(setf dap-verb "coseparate")

