"""The proof: the shipped deciding functions, searched through, played with, and sabotaged.

`make prove` runs it and writes the kill matrix. It is no part of what is installed. What it
searches is small worlds made of the very functions that the servers call: `judge_move`,
`decide_lead`, `removable`, `next_step`, `plan_service`, `foundation`, the registry's guard, the
rules of the database, and the frontend's `step` with its own guard. A mutant replaces one of
them. What it simulates, in `proof.system`, is whole servers in virtual time.
"""
