; A job for every selected track.
(defun dap-send ()
  (let* ((name (dap-name 1))
         (audio (dap-path "/clips/" (strcat name ".wav")))
         (track-name (get '*track* 'name))
         (fields (dap-fields)))
    (cond ((null fields) (format nil "Nothing has been noted.~%~%Select where ~a, and run ~a first." dap-missing dap-noting))
          ((dap-save audio)
           (dap-ask name track-name
                    (format nil "\"clip\": ~a, \"label\": ~a, ~a" (dap-json audio) (dap-json track-name) fields)))
          (t (dap-unwritable)))))

