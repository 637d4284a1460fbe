;nyquist plug-in
;version 4
;type analyze
;name "DAP Deactivate mask in selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "deactivate")

(defun dap-fields (file)
  (format file "strength~a~a~%carry~a~a~%" (int-char 9) strength (int-char 9) (if (= carry 0) "yes" "no")))

