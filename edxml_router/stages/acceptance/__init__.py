"""From a submission to what is written of it: examined, admitted, decided by what is known."""
