;nyquist plug-in
;version 4
;type tool analyze
;name "DAP Read stems"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"

; Made of parts/read.lsp, parts/folder.lsp, parts/run.lsp by `make docs`: edit those instead.

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

(dap-run)
