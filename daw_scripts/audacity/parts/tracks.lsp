; One job for all selected tracks. Audacity runs a plug-in for one track after the other, so what the first ones leave
; waits in *scratch* for the last one.

(defun dap-send ()
  (let ((count (length (get '*selection* 'tracks))))
    (cond ((< count 2) (format nil "Select the same stretch of two tracks or more.~%What they share is told from what each has of its own."))
          ((not (dap-collect)) (dap-unwritable))
          ((= count (length (get '*scratch* 'dap-clips))) (dap-send-all))
          (t ""))))

; Saves the track at hand and remembers it; nil where that cannot be done.
(defun dap-collect ()
  (when (= 1 (get '*track* 'index))
    (putprop '*scratch* (dap-name 1) 'dap-job)
    (putprop '*scratch* nil 'dap-clips)
    (putprop '*scratch* nil 'dap-tracks))
  (let* ((earlier (get '*scratch* 'dap-clips))
         (number (if earlier (format nil ".~a" (1+ (length earlier))) ""))
         (audio (dap-path "/clips/" (strcat (get '*scratch* 'dap-job) number ".wav"))))
    (when (dap-save audio)
      (putprop '*scratch* (append earlier (list audio)) 'dap-clips)
      (putprop '*scratch* (append (get '*scratch* 'dap-tracks) (list (get '*track* 'name))) 'dap-tracks))))

(defun dap-send-all ()
  (let ((items (mapcar #'(lambda (audio) (dap-json (strcat "0:::" audio))) (get '*scratch* 'dap-clips)))
        (labels (mapcar #'dap-json (get '*scratch* 'dap-tracks))))
    (dap-ask (get '*scratch* 'dap-job) (dap-listed (get '*scratch* 'dap-tracks))
             (format nil "\"item\": [~a], \"labels\": [~a]" (dap-listed items) (dap-listed labels)))))

