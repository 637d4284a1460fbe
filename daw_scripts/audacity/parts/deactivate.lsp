;nyquist plug-in
;version 4
;type analyze
;name "DAP Deactivate mask in selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control strength "Strength" float "" 1 0 1

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "deactivate")

(defun dap-fields (file)
  (format file "strength~a~a~%" (int-char 9) strength))

