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
  (dap-with-known (format nil "\"sources\": ~a, \"residual\": ~a" sources (if (= residual 1) "true" "false"))))

; The sounds that may be noted as alone, how an example of one is named, and what to do where there is none.
(setf dap-sounds '("1" "2" "3" "4" "5" "6" "7" "8"))
(setf dap-like "like")
(defun dap-example (sound audio) (strcat sound ":0:::" audio))
(setf dap-missing "one sound is heard and nothing else")
(setf dap-noting "DAP Sound alone in selection")

