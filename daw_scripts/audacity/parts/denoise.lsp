;nyquist plug-in
;version 4
;type analyze
;name "DAP Denoise selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "denoise")

(defun dap-fields ()
  (format nil "\"strength\": ~a, \"swap\": ~a" strength (if (= swap 1) "true" "false")))

