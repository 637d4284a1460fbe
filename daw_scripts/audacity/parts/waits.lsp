;nyquist plug-in
;version 4
;type tool
;name "DAP Stems that wait"
;author "dap-bridge"
;release 0.1.0
;copyright "MIT"
;control what "Do" choice "Say what waits,Leave the next one out,Leave all out" 0

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

