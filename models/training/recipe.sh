#!/bin/sh
# Every step from the data to the shipped files, see README.md. What is done already is not done again.
# CACHE is the work folder, FOLDER where the files go, THREADS what each step may use, VERSION what model.json says.
set -e
CACHE=${CACHE:-$HOME/.cache/printwarden}
OPTIONS="--threads ${THREADS:-1} --cache $CACHE"
step() { name=$1; shift; echo "== $name $*"; python -m "models.training.$name" "$@" $OPTIONS; }
start() { echo "--start $CACHE/runs/$1/checkpoint.pt"; }

# Cameras differ more than photographs do: the first stage sees other lamps and lenses in every picture.
for seed in ${FIRSTS:-1 2 3}; do
    step train "first-$seed" --no-frames --effects 1 --ghosts 0 --steps "${FIRST:-160}" --seed $seed
    firsts="$firsts first-$seed"
done
step rank base $firsts
for fold in a b c; do
    # Teachers of more than one kind: the third sees other lamps and lenses everywhere too.
    for seed in 1 2 3; do
        effects=0.5
        test $seed = 3 && effects=1
        step train "whole-$seed-$fold" --fold $fold $(start base) --effects $effects \
            --steps "${WHOLE:-150}" --seed $seed
    done
    step soup "whole-$fold" "whole-1-$fold" "whole-2-$fold" "whole-3-$fold"
    step shorten "short-$fold" "whole-$fold"
    step train "fold-$fold" --fold $fold $(start "short-$fold") --steps "${TAUGHT:-400}" --seed 1 \
        --teachers "whole-1-$fold" "whole-2-$fold" "whole-3-$fold"
done
# The base has seen every photograph, so only cameras are held out here.
step exam --frames-only
step exam --frames-only --side 160
step grown

for seed in 1 2 3; do
    step soup "whole-$seed" "whole-$seed-a" "whole-$seed-b" "whole-$seed-c"
done
step soup whole whole-1 whole-2 whole-3
step shorten short whole
step train tangle $(start short) --steps "${TAUGHT:-400}" --seed 1 --teachers whole-1 whole-2 whole-3
step export tangle --exam "$CACHE/exam-fold-224.json" --light-exam "$CACHE/exam-fold-160.json" \
    --folder "${FOLDER:-models}" --version "${VERSION:-0.1}"
