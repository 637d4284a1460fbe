;nyquist plug-in
;version 4
;type analyze
;name "DAP Extend texture"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "texture")

(defun dap-fields ()
  (format nil "\"length\": ~a, \"variation\": ~a" (truncate (+ 0.5 (* seconds (get '*track* 'rate)))) variation))

