; A job for every selected track.
(defun dap-send ()
  (let* ((name (dap-name 1))
         (audio (dap-path "/clips/" (strcat name ".wav")))
         (track-name (get '*track* 'name)))
    (if (dap-save audio)
        (dap-ask name track-name
                 (format nil "\"clip\": ~a, \"label\": ~a, ~a" (dap-json audio) (dap-json track-name) (dap-fields)))
        (dap-unwritable))))

