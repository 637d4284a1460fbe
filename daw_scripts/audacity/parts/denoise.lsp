;nyquist plug-in
;version 4
;type analyze
;name "DAP Denoise selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control strength "Strength" float "" 1 0 1
;control swap "Keep" choice "speech,noise" 0
;control preset "Preset" string "" "denoise"
;control seed "Seed" int-text "" 0 0 2147483647

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "denoise")

(defun dap-fields ()
  (format nil "\"strength\": ~a, \"swap\": ~a" strength (if (= swap 1) "true" "false")))

