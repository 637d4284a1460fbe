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
  (dap-with-known (format nil "\"strength\": ~a, \"swap\": ~a" strength (if (= swap 1) "true" "false"))))

; The sound that may be noted as alone, how an example of it is named, and what to do where there is none.
(setf dap-sounds '("noise"))
(setf dap-like "noise_like")
(defun dap-example (sound audio) (strcat "0:::" audio))
(setf dap-missing "there is noise and nothing else")
(setf dap-noting "DAP Learn noise from selection")

