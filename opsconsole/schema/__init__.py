"""The tables that belong to the core: their DDL, in both variants, for places where no core has made them."""
