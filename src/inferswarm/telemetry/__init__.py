"""What a server and its machines say of themselves while a run goes on.

wanted.yaml or --metrics FILE --> Wanted --> { scrape: the server's own /metrics, during the run
                                             { promql, cloud_monitoring: asked after it
                                         --> Series --> metrics.json --> the report's timeline

A metric that is missing is a note, never a failure.
"""
