; Notes that nothing but one sound is heard in the selection: where that is, and how it sounds. What was noted of the sound
; before is forgotten.

(defun dap-send ()
  (cond ((> (length (get '*selection* 'tracks)) 1)
         (if (= 1 (get '*track* 'index)) (format nil "Several tracks are selected.~%~%Select a part of one alone.") ""))
        ((dap-note-alone (dap-path "/clips/" (strcat (dap-name 1) ".wav"))) "")
        (t (dap-unwritable))))

(defun dap-note-alone (audio)
  (let ((file (and (dap-save audio) (open (dap-known dap-sound) :direction :output))))
    (when file
      (format file "audio~a~a~%" (int-char 9) audio)
      (format file "track~a~a~%" (int-char 9) (dap-plain (get '*track* 'name)))
      (format file "clips~a~a~%" (int-char 9) (dap-clips-text))
      (format file "start~a~a~%" (int-char 9) (get '*selection* 'start))
      (format file "end~a~a~%" (int-char 9) (get '*selection* 'end))
      (close file)
      t)))

