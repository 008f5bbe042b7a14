"""The proofs of `results`, one module for each: `runs()` names them, `perform(rig, run)` adds the checks."""
