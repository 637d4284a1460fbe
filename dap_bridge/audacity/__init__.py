"""What brings stems into Audacity: its scripting pipe, and the selections that its plug-in sent."""
