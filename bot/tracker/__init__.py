"""The tracker: loads a job, performs the step of its state, saves, goes on until it ends or waits."""
