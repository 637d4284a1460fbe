;nyquist plug-in
;version 4
;type analyze
;name "DAP Denoise selection"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control strength "Strength" float "" 1 0 1
;control swap "Keep" choice "speech,noise" 0
;control alone "Noise that was learned" choice "Ignore,Use" 0
;control preset "Preset" string "" "denoise"
;control seed "Seed" int-text "" 0 0 2147483647

; Made of parts/denoise.lsp, parts/known.lsp, parts/track.lsp, parts/folder.lsp, parts/common.lsp by `make docs`: edit those instead.

; What is asked for, and the fields of it that stand in the dialog.
(setf dap-verb "denoise")

(defun dap-fields ()
  (dap-with-known (format nil "\"strength\": ~a, \"swap\": ~a" strength (if (= swap 1) "true" "false"))))

; The sound that may be noted as alone, how an example of it is named, and what to do where there is none.
(setf dap-sounds '("noise"))
(setf dap-like "noise_like")
(defun dap-example (sound audio) (strcat "0:::" audio))
(setf dap-missing "there is noise and nothing else")
(setf dap-noting "DAP Learn noise from selection")

; What was noted of sounds that are heard alone, for a request: a span, where that lies in the selection at hand, else an example.

(defun dap-noted (sound key)
  (dap-value (dap-known sound) key))

; Where the selection is that was noted, in seconds of the one at hand.
(defun dap-edge (sound key)
  (- (dap-number (dap-noted sound key)) (get '*selection* 'start)))

(defun dap-lies-here (sound)
  (and (string= (dap-noted sound "track") (dap-plain (get '*track* 'name)))
       (string= (dap-noted sound "clips") (dap-clips-text))
       (>= (dap-edge sound "start") 0)
       (<= (dap-edge sound "end") (- (get '*selection* 'end) (get '*selection* 'start)))))

(defun dap-span (sound)
  (format nil "stem=~a,start=~a,end=~a" sound (dap-edge sound "start") (dap-edge sound "end")))

(defun dap-list-field (name texts)
  (if texts (format nil ", \"~a\": [~a]" name (dap-listed texts)) ""))

; Fields with what was noted of the sounds that the verb knows, where that is asked for; nil where nothing was.
(defun dap-with-known (fields)
  (let ((spans nil) (examples nil))
    (dolist (sound (if (= alone 1) dap-sounds))
      (cond ((null (dap-noted sound "audio")))
            ((dap-lies-here sound) (setf spans (append spans (list (dap-json (dap-span sound))))))
            (t (setf examples (append examples (list (dap-json (dap-example sound (dap-noted sound "audio")))))))))
    (when (or (= alone 0) spans examples)
      (strcat fields (dap-list-field "only" spans) (dap-list-field dap-like examples)))))

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

; Writes the selection and a request into the daemon's drop folder. `dap-bridge audacity` puts the stems on new tracks.

; A heartbeat that is older than this has stopped.
(setf dap-stale-s 5)
; How long the daemon may take to say that the request has arrived.
(setf dap-answer-s 10)
; What runs in a terminal to give that answer.
(setf dap-answering "dap-bridge serve")

; A text with backslash, quote and control characters as JSON wants them inside a string.
(defun dap-json-character (character)
  (let ((code (char-code character)))
    (cond ((char= character #\\) "\\\\")
          ((char= character #\") "\\\"")
          ((and (>= code 0) (< code 32)) " ")
          (t (string character)))))

(defun dap-json (text)
  (let ((escaped ""))
    (dotimes (i (length text) (strcat "\"" escaped "\""))
      (setf escaped (strcat escaped (dap-json-character (char text i)))))))

; A text that may stand in a line `key<TAB>value`.
(defun dap-plain (text)
  (let ((plain ""))
    (dotimes (i (length text) plain)
      (let ((character (char text i)))
        (setf plain (strcat plain (if (char= character #\\) "\\\\" (dap-line-character character))))))))

(defun dap-line-character (character)
  (if (< -1 (char-code character) 32) " " (string character)))

; Where it is kept what was noted of a sound that is heard alone.
(defun dap-known (sound)
  (dap-path "/clips/" (strcat "alone-" sound ".known")))

; Start and end of every clip of the track at hand, in seconds of the project, as a text.
(defun dap-clips-text ()
  (let ((text ""))
    (dolist (clip (dap-clips) text)
      (setf text (strcat text (format nil "~a ~a " (car clip) (cadr clip)))))))

; Whether the program that rewrites this file every second still does.
(defun dap-alive (name)
  (let ((time (dap-value (dap-path "/" name) "time")))
    (and time (< (abs (- (get-real-time) (dap-number time))) dap-stale-s))))

; A name that no job of this plug-in has had: the time of day, and a number for tracks that are sent at once.
; Of a job that was refused in this very second the answer alone is left, and would be read as that of the next one.
(defun dap-name (number)
  (let* ((time *system-time*)
         (name (format nil "audacity-~a-~a-~a-~a-~a-~a" (nth 0 time) (nth 1 time) (nth 2 time) (nth 3 time)
                       (nth 4 time) number)))
    (if (or (dap-exists (dap-path "/clips/" (strcat name ".wav")))
            (dap-exists (dap-path "/outbox/" (strcat name ".status"))))
        (dap-name (1+ number))
        name)))

; Where the selection is, for whoever brings the stems back. Seconds, hertz; low and high only of a spectral selection.
; The job is named last: without it the rest is not written yet.
(defun dap-describe (file name spectral)
  (let ((low (and spectral (get '*selection* 'low-hz)))
        (high (and spectral (get '*selection* 'high-hz))))
    (format file "start~a~a~%" (int-char 9) (get '*selection* 'start))
    (format file "end~a~a~%" (int-char 9) (get '*selection* 'end))
    (when low (format file "low~a~a~%" (int-char 9) low))
    (when high (format file "high~a~a~%" (int-char 9) high))
    (format file "job~a~a~%" (int-char 9) name)))

(defun dap-note (name track-name)
  (let ((file (open (dap-path "/clips/" (strcat name ".selection")) :direction :output)))
    (when file
      (format file "track~a~a~%" (int-char 9) (dap-plain track-name))
      (dap-describe file name t)
      (close file)
      t)))

(defun dap-request (name clips)
  (let ((file (open (dap-path "/inbox/" (strcat name ".json")) :direction :output)))
    (when file
      (format file "{\"verb\": ~a, \"job\": ~a, ~a, " (dap-json dap-verb) (dap-json name) clips)
      (format file "\"preset\": ~a, \"seed\": ~a}~%" (dap-json preset) seed)
      (close file)
      t)))

; The first thing the daemon says of a job, or nil where it says nothing in time.
(defun dap-answer (name)
  (let ((path (dap-path "/outbox/" (strcat name ".status")))
        (end (+ (get-real-time) dap-answer-s)))
    (do ((event (dap-value path "event") (dap-value path "event")))
        ((or event (> (get-real-time) end)) event))))

; "" says nothing; anything else is shown.
(defun dap-verdict (name)
  (let ((event (dap-answer name))
        (path (dap-path "/outbox/" (strcat name ".status"))))
    (cond ((null event)
           (format nil "The daemon does not answer.~%Is it busy or hung? Start it anew in a terminal, then try again:~%~%~a" dap-answering))
          ((string= event "failed")
           (format nil "~a~%~%~a" (dap-value path "message") (dap-value path "hint")))
          (t ""))))

; Writes the note and the request of a job whose audio is saved; says what is the matter, or "".
(defun dap-ask (name track-name clips)
  (if (and (dap-note name track-name) (dap-request name clips)) (dap-verdict name) (dap-unwritable)))

(if (dap-alive "daemon.status")
    (dap-send)
    (format nil "The daemon is not running.~%~%Start it in a terminal, then try again:~%~%dap-bridge serve"))
