(dap-run)
