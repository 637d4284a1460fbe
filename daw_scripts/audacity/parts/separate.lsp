;nyquist plug-in
;version 4
;type analyze
;name "DAP Separate selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "separate")

(defun dap-fields ()
  (format nil "\"sources\": ~a" sources))

