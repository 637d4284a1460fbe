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

