"""OpenTelemetry: a run's metrics and the spans of its sampled requests, sent to a collector by OTLP.

    master's process:    Summary --> counted --> event `counted`
    command's process:   event --> Sender --> measured --> collector
                         records, as they are followed --> spans --> collector

Only what runs in the command's process imports OpenTelemetry, and only when a run asks for it.
"""
