"""The outside world as strict servers on real sockets, in processes that outlive what is tested against them."""
