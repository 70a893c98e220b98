"""The load layer: the only part that imports gevent or Locust. Importing it patches the process.

plan       what a worker must know to take part in a run
transport  connections, and the tape of what came back when
engine     asks, keeps count of what is under way, reads answers when the loop is idle
user       the Locust user that asks
merge      summaries on their way from workers to the master
master     `python -m inferswarm.load.master`
worker     `python -m inferswarm.load.worker`
"""

from gevent import monkey

if not monkey.is_module_patched("socket"):
    monkey.patch_all()
