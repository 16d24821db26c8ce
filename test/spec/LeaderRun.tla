----------------------------- MODULE LeaderRun -----------------------------
(* How leader-run shares one lock between processes, for people to read and for TLC to check.                     *)
(* It says what src/elector/core.ts does, less retries, watches, patience and messages to people: a command runs  *)
(* only inside a term; a term counts from the sending of the last write known to be stored; whoever waits counts  *)
(* from the receipt of the last change; every write is a compare-and-swap; a write that was given up on may still *)
(* land; the lock is released only after the command has ended; a guardian kills at a fixed time before the       *)
(* lease's end, whatever has become of leader-run. The exhaustive search (test/simulation/search) runs the code;  *)
(* this text is the protocol. Time goes in ticks; the clock of a process may be behind or ahead by its drift.     *)
EXTENDS Integers, FiniteSets

CONSTANTS Procs,   \* the candidates
          L,       \* lease duration, in ticks: how long others wait
          R,       \* renew deadline: a term ends so long after its last renewal was sent
          G,       \* the guardian kills so long after that sending; R <= G
          S,       \* a SIGKILL that is due takes effect within so long
          Slow,    \* the processes whose clocks lose one tick in every Every
          Every,
          MaxWrites, \* bounds the search: version numbers beyond it are not made,
          Until      \* and clocks beyond it are not looked at

None == "none"
Free == [holder |-> None, version |-> 0]

VARIABLES now,     \* true time, counted from the last thing that matters, see Tick
          lock,    \* [holder, version]
          term,    \* term[p]: true while p believes that it leads
          sent,    \* sent[p]: p's clock at the sending of the write that its term rests on
          alive,   \* alive[p]: a command of p runs
          seen,    \* seen[p]: the last version that p knows of, and who holds it
          since,   \* since[p]: p's clock at the receipt of that
          flight,  \* writes under way: [by, base, holder, at, heard]: `at` is the sender's clock, `heard` that it still waits
          answers, \* answers under way: [to, kind, version, holder, at]
          waiting, \* waiting[p]: p has a request of which it has not given up hope
          clock    \* clock[p]
vars == <<now, lock, term, sent, alive, seen, since, flight, answers, waiting, clock>>

Init ==
  /\ now = 0 /\ lock = Free
  /\ term = [p \in Procs |-> FALSE] /\ sent = [p \in Procs |-> 0] /\ alive = [p \in Procs |-> FALSE]
  /\ seen = [p \in Procs |-> Free] /\ since = [p \in Procs |-> 0]
  /\ flight = {} /\ answers = {} /\ waiting = [p \in Procs |-> FALSE] /\ clock = [p \in Procs |-> 0]

(* A write: to renew (own term), to take (free or waited out), to release (nothing runs under it any more). *)
MayTake(p) == /\ ~term[p] /\ ~alive[p]
              /\ \/ seen[p].holder \in {None, p}
                 \/ clock[p] - since[p] >= L
MayRenew(p) == term[p] /\ clock[p] - sent[p] < R
MayRelease(p) == ~alive[p] /\ ~term[p] /\ seen[p].holder = p

Send(p, holder) ==
  /\ ~waiting[p] /\ lock.version < MaxWrites
  /\ flight' = flight \cup {[by |-> p, base |-> seen[p].version, holder |-> holder, at |-> clock[p], heard |-> TRUE]}
  /\ waiting' = [waiting EXCEPT ![p] = TRUE]
  /\ UNCHANGED <<now, lock, term, sent, alive, seen, since, answers, clock>>
SendWrite(p) == \/ (MayTake(p) \/ MayRenew(p)) /\ Send(p, p)
                \/ MayRelease(p) /\ Send(p, None)

(* The server applies a write only onto the version that it names; it may do so after the sender gave up. *)
Apply(w) ==
  /\ w \in flight
  /\ flight' = flight \ {w}
  /\ LET fits == w.base = lock.version
         next == IF fits THEN [holder |-> w.holder, version |-> lock.version + 1] ELSE lock
         said == [to |-> w.by, kind |-> IF fits THEN "stored" ELSE "conflict", state |-> next, at |-> w.at]
     IN lock' = next /\ answers' = IF w.heard THEN answers \cup {said} ELSE answers
  /\ UNCHANGED <<now, term, sent, alive, seen, since, waiting, clock>>

(* A read that is served and answered; the answer may be old when it is heard. The code also knows by number an own *)
(* write that a read shows, and counts from its sending; here such a read ends the term, which is no less safe.     *)
Read(p) ==
  /\ ~waiting[p]
  /\ answers' = answers \cup {[to |-> p, kind |-> "read", state |-> lock, at |-> 0]}
  /\ waiting' = [waiting EXCEPT ![p] = TRUE]
  /\ UNCHANGED <<now, lock, term, sent, alive, seen, since, flight, clock>>

Hear(p) == \E a \in answers :
  /\ a.to = p /\ waiting[p]
  /\ answers' = answers \ {a} /\ waiting' = [waiting EXCEPT ![p] = FALSE]
  /\ LET stored == a.kind = "stored" /\ a.state.version > seen[p].version
         late   == clock[p] - a.at >= R
         other  == a.kind = "read" /\ a.state.version > seen[p].version
     IN /\ seen'  = IF stored \/ other THEN [seen EXCEPT ![p] = a.state] ELSE seen
        /\ since' = IF stored \/ other THEN [since EXCEPT ![p] = clock[p]] ELSE since
        /\ IF stored /\ a.state.holder = p /\ ~late /\ (term[p] \/ ~alive[p])
           THEN /\ term' = [term EXCEPT ![p] = TRUE] /\ alive' = [alive EXCEPT ![p] = alive[p] \/ ~term[p]]
                /\ sent' = [sent EXCEPT ![p] = a.at]
           ELSE /\ term' = IF other THEN [term EXCEPT ![p] = FALSE] ELSE term
                /\ UNCHANGED <<alive, sent>>
  /\ UNCHANGED <<now, lock, flight, clock>>

GiveUp(p) == /\ waiting[p] /\ waiting' = [waiting EXCEPT ![p] = FALSE]
             /\ answers' = {a \in answers : a.to # p}
             /\ flight' = {[w EXCEPT !.heard = @ /\ w.by # p] : w \in flight}
             /\ UNCHANGED <<now, lock, term, sent, alive, seen, since, clock>>

(* One that nobody waits for any more may as well stay on its way. *)
LoseWrite(w) == w \in flight /\ w.heard /\ flight' = flight \ {w}
                /\ UNCHANGED <<now, lock, term, sent, alive, seen, since, answers, waiting, clock>>

(* The command ends by itself, or of what it is told; then the term is resigned. *)
End(p) == /\ alive[p] /\ alive' = [alive EXCEPT ![p] = FALSE] /\ term' = [term EXCEPT ![p] = FALSE]
          /\ UNCHANGED <<now, lock, sent, seen, since, flight, answers, waiting, clock>>

Expire(p) == /\ term[p] /\ clock[p] - sent[p] >= R /\ term' = [term EXCEPT ![p] = FALSE]
             /\ UNCHANGED <<now, lock, sent, alive, seen, since, flight, answers, waiting, clock>>

(* Time passes, but never past the moment at which a guardian's SIGKILL has taken effect. *)
Tick == /\ \A p \in Procs : alive[p] => clock[p] - sent[p] < G + S
        /\ now' = (now + 1) % Every
        /\ clock' = [p \in Procs |-> IF p \in Slow /\ now' = 0 THEN clock[p] ELSE clock[p] + 1]
        /\ UNCHANGED <<lock, term, sent, alive, seen, since, flight, answers, waiting>>

Next == \/ Tick
        \/ \E p \in Procs : SendWrite(p) \/ Read(p) \/ Hear(p) \/ GiveUp(p) \/ End(p) \/ Expire(p)
        \/ \E w \in flight : Apply(w) \/ LoseWrite(w)
Spec == Init /\ [][Next]_vars

(* The promise. *)
NeverTwo == Cardinality({p \in Procs : alive[p]}) <= 1
(* Nothing runs under a lock that was given back: a release was sent after the command had ended. *)
ReleasedIsEmpty == \A w \in flight : w.holder = None => ~alive[w.by] \/ w.base < seen[w.by].version

Bound == /\ \A p \in Procs : clock[p] <= Until /\ Cardinality({w \in flight : w.by = p}) <= 1
(* Only differences of clocks matter. *)
Age(p) == <<clock[p] - sent[p], IF clock[p] - since[p] > L THEN L ELSE clock[p] - since[p]>>
View == <<now, lock, term, [p \in Procs |-> IF alive[p] \/ term[p] THEN Age(p)[1] ELSE 0], alive, seen,
          [p \in Procs |-> Age(p)[2]], {[w EXCEPT !.at = clock[w.by] - w.at] : w \in flight},
          {[a EXCEPT !.at = IF clock[a.to] - a.at > R THEN R ELSE clock[a.to] - a.at] : a \in answers}, waiting>>
=============================================================================
