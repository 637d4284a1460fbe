;nyquist plug-in
;version 4
;type analyze
;name "DAP Redraw chosen alternative"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for; there is nothing to choose.
(setf dap-verb "redraw")

(defun dap-fields (file))

