;nyquist plug-in
;version 4
;type tool process
;name "DAP Replace stems"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; Each selected track gets the file that the plan names for it, in the place of what is selected: one step of undo for all.

(defun dap-run ()
  (let ((path (dap-plan (format nil "~a" (get '*track* 'index)))))
    (if path
        (s-read path)
        (format nil "This is a part of `dap-bridge audacity`, which runs it when refined stems are ready.~%~%There is nothing to do now."))))

