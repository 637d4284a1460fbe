;nyquist plug-in
;version 4
;type generate
;name "DAP Next stem"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; The next stem that waits, onto the selected track, where its selection began; onto each track the next one, where several
; are selected. With none selected Audacity makes one.

(defun dap-run ()
  (let* ((jobs (dap-jobs)) (job (dap-ended jobs)))
    (cond ((null job) (dap-none-yet jobs))
          ((not (equal "done" (dap-value (dap-status-path job) "event")))
           (prog1 (dap-reason job) (dap-let-go job)))
          ((null (dap-stems job)) (dap-let-go job) (dap-run))
          (t (dap-bring job (car (dap-stems job)))))))

; The sound of a stem (its file, its name), or what is in its way. What has been brought is no longer waited for.
(defun dap-bring (job stem)
  (let* ((sound (if (dap-exists (car stem)) (s-read (car stem))))
         (start (dap-number (dap-value (dap-note-path job) "start")))
         (lead (if sound (dap-lead start sound))))
    (cond ((null sound)
           (dap-take-next job)
           (format nil "~a is left out: its file is gone.~%~%~a" (cadr stem) (car stem)))
          ((and (arrayp sound) (= 1 (get '*track* 'channels)))
           (format nil "~a is stereo, and this track is not.~%~%Tracks > Add New > Stereo Track, leave it selected, and run DAP Next stem again."
                   (cadr stem)))
          ((or (dap-occupied) (< lead 0))
           (format nil "~a belongs where its selection began, at ~a s, on an empty track.~%~%Select an empty track or none (a click below the tracks), leave the selection as it was or press Home, and run DAP Next stem again."
                   (cadr stem) (dap-rounded start)))
          ((dap-take-next job) (dap-placed sound lead))
          (t (dap-unwritable)))))

; Seconds to a thousandth, as a text.
(defun dap-rounded (seconds)
  (progv '(*float-format*) '("%.3f") (format nil "~a" seconds)))

; Whether anything on the track would be pushed aside.
(defun dap-occupied ()
  (dolist (clip (dap-clips) nil)
    (when (> (- (cadr clip) (get '*selection* 'start)) (/ 0.5 (get '*track* 'rate)))
      (return t))))

(defun dap-frames (seconds rate)
  (truncate (+ 0.5 (* seconds rate))))

(defun dap-first (sound)
  (if (arrayp sound) (aref sound 0) sound))

; How many frames after the beginning of what is selected now a sound begins, at the track's rate; start: in seconds.
(defun dap-lead (start sound)
  (let ((own (snd-srate (dap-first sound))) (rate (get '*track* 'rate)))
    ; Audacity cut the selection at whole samples of the stem's rate.
    (- (dap-frames (/ (dap-frames start own) own) rate)
       (dap-frames (get '*selection* 'start) rate))))

; The sound at the track's rate, after so many frames of silence.
(defun dap-placed (sound lead)
  (if (arrayp sound)
      (vector (dap-placed (aref sound 0) lead) (dap-placed (aref sound 1) lead))
      (let ((rate (get '*track* 'rate)))
        (dap-after lead rate (if (= rate (snd-srate sound)) sound (resample sound rate))))))

(defun dap-after (lead rate sound)
  (if (= lead 0)
      sound
      ; Not of zeros as such: to Audacity these are the end of a sound.
      (sim (scale 0.0 (snd-const 1.0 0.0 rate (/ lead rate))) (at-abs (/ lead rate) (cue sound)))))

