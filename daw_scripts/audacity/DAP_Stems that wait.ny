;nyquist plug-in
;version 4
;type tool
;name "DAP Stems that wait"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control what "Do" choice "Say what waits,Leave the next one out,Leave all out" 0

; Made of parts/waits.lsp, parts/folder.lsp, parts/waiting.lsp, parts/run.lsp by `make docs`: edit those instead.

; What DAP Next stem would bring.

(defun dap-run ()
  (let* ((jobs (dap-jobs)) (job (dap-ended jobs)))
    (cond ((= what 2) (mapcar #'dap-let-go jobs))
          ((and (= what 1) job) (dap-take-next job)))
    (dap-said (dap-jobs))))

(defun dap-said (jobs)
  (let ((names nil))
    (dolist (job jobs)
      (when (equal "done" (dap-value (dap-status-path job) "event"))
        (setf names (append names (mapcar #'cadr (dap-stems job))))))
    (if names
        (format nil "DAP Next stem (Generate menu) brings, in this order:~%~%~a" (dap-listed names))
        (dap-none-yet jobs))))

; The daemon's drop folder, and the files of `key<TAB>value` lines there.

; Where the drop folder is: `dap-bridge install audacity` writes its path here. Empty: in the home folder.
(setf dap-spool "")

(setf *float-format* "%.12f")

(defun dap-home ()
  (or (get-env "HOME") (get-env "USERPROFILE") ""))

(defun dap-path (folder name)
  (strcat (if (= 0 (length dap-spool)) (strcat (dap-home) "/.dap-bridge/spool") dap-spool) folder name))

(defun dap-exists (path)
  (let ((file (open path)))
    (when file (close file))
    file))

; Position of a character in a text from index i on, or nil.
(defun dap-find (character text i)
  (cond ((>= i (length text)) nil)
        ((char= character (char text i)) i)
        (t (dap-find character text (1+ i)))))

; What stands behind `key<TAB>` in each such line of a file, in their order.
(defun dap-values (path key)
  (let ((file (open path)) (found nil) tab)
    (when file
      (do ((line (read-line file) (read-line file))) ((null line))
        (setf tab (dap-find (int-char 9) line 0))
        (when (and tab (string= key (subseq line 0 tab)))
          (setf found (cons (subseq line (1+ tab)) found))))
      (close file))
    (reverse found)))

; The first of these, or nil.
(defun dap-value (path key)
  (car (dap-values path key)))

; Saves the selected part of the track at hand; nil where nothing can be written there.
(defun dap-save (audio)
  (let ((file (open audio :direction :output)))
    (when file
      (close file)
      (s-save *track* ny:all audio :format snd-head-wave :mode snd-mode-float :bits 32)
      t)))

; Start and end of every clip of the track at hand, in seconds of the project.
(defun dap-clips ()
  (let ((clips (get '*track* 'clips)))
    (if (arrayp clips) (aref clips 0) clips)))

; What `dap-bridge audacity` has written down for the next run of a plug-in that works for it.
(defun dap-plan (key)
  (dap-value (dap-path "/clips/" "stems.plan") key))

(defun dap-number (text)
  (read (make-string-input-stream text)))

; Texts with commas between.
(defun dap-listed (texts)
  (let ((listed (car texts)))
    (dolist (text (cdr texts) listed)
      (setf listed (strcat listed ", " text)))))

(defun dap-unwritable ()
  (format nil "The drop folder cannot be written:~%~a~%~%Install the plug-in again in a terminal:~%~%dap-bridge install audacity"
          (dap-path "" "")))

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
(dap-run)
