; What is wanted of the stem at hand. `dap-bridge audacity` tells by its sound which one it is, and answers.

(defun dap-send ()
  (cond ((> (length (get '*selection* 'tracks)) 1)
         (if (= 1 (get '*track* 'index))
             (format nil "Several tracks are selected, and a mask is that of one stem.~%~%Select a part of that stem's track alone.")
             ""))
        ((not (dap-alive "audacity.status"))
         (format nil "What brings stems into Audacity is not running.~%~%Start it in a terminal, then try again:~%~%dap-bridge audacity"))
        (t (setf dap-answering "dap-bridge audacity")
           (dap-mark (dap-name 1)))))

(defun dap-mark (name)
  (if (and (dap-save (dap-path "/clips/" (strcat name ".wav"))) (dap-write-mark name))
      (dap-verdict name)
      (dap-unwritable)))

(defun dap-write-mark (name)
  (let ((file (open (dap-path "/clips/" (strcat name ".mark")) :direction :output)))
    (when file
      (format file "op~a~a~%" (int-char 9) dap-verb)
      (dap-fields file)
      (format file "track~a~a~%" (int-char 9) (dap-plain (get '*track* 'name)))
      (format file "rate~a~a~%" (int-char 9) (get '*track* 'rate))
      (format file "clips~a~a~%" (int-char 9) (dap-clips-text))
      ; A box of frequencies that was drawn once stays selected where no spectrogram shows it.
      (dap-describe file name (not (equal (get '*track* 'view) "Waveform")))
      (close file)
      t)))

