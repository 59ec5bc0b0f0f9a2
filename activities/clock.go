package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.uber.org/zap"
)

// clockSlack is how far this machine's clock may be from Temporal's before that is logged: a signed
// request carries a time up to 4 minutes old, and receivers take one that is up to 5 minutes off.
const clockSlack = time.Minute

// began is when the attempt under way began, by Temporal's clock: workers may each have one that is
// wrong, and receivers judge signed requests by their time. A local activity is told it.
func (a *Activities) began(ctx context.Context, told time.Time) time.Time {
	info := activity.GetInfo(ctx)
	at := told
	if !info.IsLocalActivity {
		at = info.StartedTime
	}
	if at.IsZero() {
		return time.Now()
	}
	if off := time.Since(at); off.Abs() > clockSlack && !a.clockWarned.Swap(true) {
		a.Log.Warn("this machine's clock differs from Temporal's, by which attempts and signed requests are stamped: set the one that is wrong",
			zap.Duration("ahead", off.Round(time.Second)))
	}
	return at
}
