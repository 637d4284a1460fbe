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
