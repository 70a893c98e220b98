"""Plain words for prompts that nobody gave."""

_TEXT = """
about above across after again along always among animal answer apple autumn basket before begin
behind better between bottle bread bridge bright brother build butter candle carry castle chair
change cheese circle city clean clear close cloud coffee colour corner country cover dance daughter
dinner doctor door dream drive early earth evening every family farmer father field finger flower
follow forest friend garden gentle glass grass green hammer happy harbour heavy hill history honest
house idea island journey kitchen ladder language letter light little market meadow minute mirror
morning mountain music narrow never night number ocean office often open orange paper pencil people
picture plain planet pocket quiet rain reason river road round school season second shadow silver
simple sister slow small song spring station stone story street summer table thunder tomorrow travel
under valley village visit water weather window winter wonder yellow yesterday
"""
WORDS = tuple(_TEXT.split())
