"""How much one worker carries on this machine before its times are no longer true."""
