;nyquist plug-in
;version 4
;type tool analyze
;name "DAP Read stems"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; Of the selected tracks, those that have a clip exactly where the plan says: its audio, for `dap-bridge audacity` to look at.

(defun dap-near (one other)
  (< (abs (- one other)) (/ 1 (get '*track* 'rate))))

(defun dap-stands (start end)
  (dolist (clip (dap-clips) nil)
    (when (and (dap-near start (car clip)) (dap-near end (cadr clip))) (return t))))

(defun dap-run ()
  (cond ((null (dap-plan "start"))
         (format nil "This is a part of `dap-bridge audacity`, which runs it when refined stems are ready.~%~%There is nothing to do now."))
        ((dap-stands (dap-number (dap-plan "start")) (dap-number (dap-plan "end")))
         (dap-save (dap-path "/clips/" (format nil "stems.~a.wav" (get '*track* 'index))))
         "")
        (t "")))

