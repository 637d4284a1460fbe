; What waits to be brought in without the scripting pipe: stems of selections that were sent, the oldest first. How many of
; them have been brought is kept in the selection's note; a note without anything in it waits no more.

; A value as it was before it became part of a line.
(defun dap-unescaped (text)
  (let ((plain "") (escape nil) character)
    (dotimes (i (length text) plain)
      (setf character (char text i))
      (cond ((and (char= #\\ character) (not escape)) (setf escape t))
            (t (setf plain (strcat plain (if (and escape (char/= #\\ character)) " " (string character))))
               (setf escape nil))))))

; A text in `count` pieces, which a character parts; the last one has all that is left.
(defun dap-split (character text count)
  (let ((at (if (> count 1) (dap-find character text 0))))
    (if at
        (cons (subseq text 0 at) (dap-split character (subseq text (1+ at)) (1- count)))
        (list text))))

; When a job was sent, by its name: numbers that get larger.
(defun dap-sent (job)
  (mapcar #'(lambda (word) (let ((number (dap-number (strcat "0" word)))) (if (numberp number) number 0)))
          (cdr (dap-split #\- job 99))))

(defun dap-earlier (one other)
  (cond ((null one) other)
        ((null other) nil)
        ((= (car one) (car other)) (dap-earlier (cdr one) (cdr other)))
        (t (< (car one) (car other)))))

(defun dap-note-path (job)
  (dap-path "/clips/" (strcat job ".selection")))

(defun dap-status-path (job)
  (dap-path "/outbox/" (strcat job ".status")))

; The jobs that are waited for, the oldest first.
(defun dap-jobs ()
  (let ((jobs nil) (ending ".selection"))
    (dolist (name (listdir (dap-path "/clips" "")))
      (let ((stem (- (length name) (length ending))))
        (when (and (> stem 0) (string= ending (subseq name stem)) (dap-value (dap-path "/clips/" name) "job"))
          (setf jobs (cons (subseq name 0 stem) jobs)))))
    (sort jobs #'(lambda (one other) (dap-earlier (dap-sent one) (dap-sent other))))))

; The first of these jobs that has ended, or nil.
(defun dap-ended (jobs)
  (dolist (job jobs nil)
    (when (member (dap-value (dap-status-path job) "event") '("done" "failed" "cancelled") :test #'equal)
      (return job))))

(defun dap-taken (job)
  (dap-number (or (dap-value (dap-note-path job) "taken") "0")))

; The stems of a job that wait: of each the file and the name.
(defun dap-stems (job)
  (let ((manifest (dap-unescaped (dap-value (dap-status-path job) "manifest"))) (stems nil))
    (dolist (stem (nthcdr (dap-taken job) (dap-values (dap-status-path job) "stem")) (reverse stems))
      (let ((parts (dap-split #\: (dap-unescaped stem) 5)))
        (setf stems (cons (list (strcat (dap-folder-of manifest) (nth 3 parts)) (nth 4 parts)) stems))))))

; All of a path up to the name of the file.
(defun dap-folder-of (path)
  (do ((end (length path) (1- end)))
      ((or (= end 0) (member (char path (1- end)) '(#\/ #\\))) (subseq path 0 end))))

; So many stems of the job have been brought; nil where that cannot be written down.
(defun dap-take (job count)
  (let* ((path (dap-note-path job))
         (kept (mapcar #'(lambda (key) (cons key (dap-value path key))) '("track" "start" "end" "low" "high" "job")))
         (file (open path :direction :output)))
    (when file
      (dolist (pair kept)
        (when (cdr pair) (format file "~a~a~a~%" (car pair) (int-char 9) (cdr pair))))
      (format file "taken~a~a~%" (int-char 9) count)
      (close file)
      t)))

; Nothing of the job is waited for any more; nil where that cannot be written down.
(defun dap-let-go (job)
  (let ((file (open (dap-note-path job) :direction :output)))
    (when file (close file) t)))

(defun dap-take-next (job)
  (if (cdr (dap-stems job)) (dap-take job (1+ (dap-taken job))) (dap-let-go job)))

(defun dap-track-of (job)
  (dap-unescaped (or (dap-value (dap-note-path job) "track") job)))

; Why there are no stems of a job that has ended without.
(defun dap-reason (job)
  (let ((path (dap-status-path job)))
    (format nil "~a: ~a~%~%~a" (dap-track-of job) (dap-unescaped (or (dap-value path "message") "It was cancelled."))
            (dap-unescaped (or (dap-value path "hint") "")))))

; How the jobs stand that have not ended.
(defun dap-none-yet (jobs)
  (if jobs
      (format nil "No stem is ready yet. Waited for: ~a." (dap-listed (mapcar #'dap-track-of jobs)))
      (format nil "No stem waits.~%~%Select audio, and run a command of the Analyze menu first, such as DAP Separate selection.")))
