;nyquist plug-in
;version 4
;type analyze
;name "DAP Open mask editor"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for; there is nothing to choose.
(setf dap-verb "edit")

(defun dap-fields (file))

